"""Image files of each kind -> arrays, with what the files say of them."""
