"""What *done* means, played on a fresh clone in an empty folder: ``tools/accept`` exits 0.

    tools/accept                        # everything, step by step, with the seconds of each
    tools/accept --skip check,smoke     # leave steps out
    tools/accept --keep-going           # do not stop at the first step that fails
    tools/accept --keep                 # leave the clone where it is

It stands on Python's own library alone, since nothing is installed when it begins. It grows with the project.
"""
