"""bousai: an open disaster-information platform for Japan.

The line: feed → fetch → archive → parse → normalise → store → publish. Each word is a room
(a folder here); rooms do not import each other, `pipeline` is the only corridor.
"""

__version__ = "0.1.0"
