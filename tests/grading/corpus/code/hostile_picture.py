# A picture that is none, and one with a text inside.
# expects: graded 3
# %% extra
import matplotlib
import matplotlib.pyplot as plt
plt.figure().canvas.print_png = lambda stream, *a, **k: stream.write(b"\x89PNG\r\n\x1a\n<script>")
plt.figure().suptitle("a real one")
