"""What is told of each known departure: a page with a reproduction and its effect, and a bug report for a defect.

``departure`` runs the equation as a library departs from it; ``showing`` finds the shortest golden case in which that shows; ``dialect``
writes a program in Python or R; ``reproduction`` puts them together; ``effect`` trains with and without the departure; ``pages`` and
``report`` write Markdown.
"""
