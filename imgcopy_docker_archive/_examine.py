"""What is wrong with an archive as a whole, and what other programs would make of it.

This is what the validation of its images does not see: members that no image uses, all files that
are missing and not just the first, lists that contradict each other. The archive is walked once.
Where the walk ends at damage, what is in front of it is examined as far as it goes.
"""
