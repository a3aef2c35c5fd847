"""Personal data at rest and on the screen: keys, encrypted columns, masks, the access register."""
