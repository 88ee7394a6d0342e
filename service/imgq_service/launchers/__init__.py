"""Pictures in the launchers that people have, each by an adapter of its own.

Rules of this package: `rows` has what all of them show, `acting` what is done with a
choice. An adapter turns that into its launcher's own form and decides nothing. Launchers
ask at each key: so every question has a short deadline, whatever goes wrong is one line to
read and never a traceback, and no picture is decoded here (thumbnails are the daemon's).
"""
