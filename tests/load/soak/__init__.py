"""Random operations of many processes, faults and kills, and what must hold then.

sources   what is uploaded: directories that are made once and never change
plan      what each worker does, by its seed
session   a script of a user, for the API
oracle    what may be where, as far as each worker can know
workers   carry out a plan, kill some of it, judge the rest
keeper    starts the background service and kills it, and at last watches it
bucket    a look at the server's disk, through no code of ours
ending    what must hold once nothing is under way
soak      all of it
"""
