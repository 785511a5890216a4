"""Why a library differs: the search for the change of the specification that gives its numbers."""
