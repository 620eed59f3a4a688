"""Writing archives, of either layout: from destinations down to the file.

`destination` and `oci_destination` take an image, `writer` and `oci_writer` put it into the archive
with what they share (`_layout_writer`, `_blobs`, `_image_list`, `_index_list`). `_tar_write` makes
members, `_output` and `_compressed_output` are the file. `_old_archive` is what is appended to.
"""
