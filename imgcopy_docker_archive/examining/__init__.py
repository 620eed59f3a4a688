"""Examining archives: what is wrong with one as a whole, and who would read it.

`_examine` looks for problems, in what `_contents` makes of the lists. `_fact_finding` gathers the
`_archive_facts` that the rules in `_readers` judge by.
"""
