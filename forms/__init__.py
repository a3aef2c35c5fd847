"""One declaration per form: the page, the check and the list of changes all come from it."""
