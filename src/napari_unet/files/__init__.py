"""Between disk and data: readers, writers, data sets, downloads."""
