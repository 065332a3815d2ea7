# Output that is an attack on a page or a terminal.
# expects: graded 3
# %% extra
print("<script>window.owned = 1</script><img src=x onerror='window.owned=1'>")
print("\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\u2066 reversed \x00 end")
print("{{ constructor.constructor('return 1')() }} ${7*7} </pre></td></table>")
