"""`homespun select`: rules applied to files, without a run. command.py is the table of contents."""
