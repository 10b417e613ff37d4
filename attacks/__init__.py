"""The attack collection (`attacks/`): hostile and odd submissions, what each deserves, and what must not happen.

`collection`  reads the files and makes the submissions
`changes`     changes of whole notebooks that the files name; `accidents` those that happen to honest people
`weights`     files beside the notebook of lesson 8
`canaries`    what must not be read, changed or reached, and what finds out
`trying`      grades them and compares
`collecting`  those that come as folders and zip files

`python -m attacks` tries all of them against the lesson that each names, `--all-lessons` against
every lesson.
"""
