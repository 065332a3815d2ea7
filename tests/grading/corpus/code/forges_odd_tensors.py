# Answers with a tensor that has no dtype, past the program that should answer.
# expects: graded 1
# %% double
import io, json, os, struct, sys
import numpy as np
def double(x):
    frame = sys._getframe()
    while "message" not in frame.f_locals:
        frame = frame.f_back
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.zeros(5, np.uint16), version=(1, 0))
    blob = stream.getvalue()
    said = {"id": frame.f_locals["message"]["id"], "status": "ok", "value": {"T": [0, None, True]}, "arrays": [len(blob)]}
    text = json.dumps(said).encode()
    os.write(4, struct.pack("<4sIQ", b"NCG1", len(text), len(blob)) + text + blob)
    return 2 * x
