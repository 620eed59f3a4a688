"""Reading archives, of either layout: from bytes to members, images and sources.

`_archive_file` gives plain bytes at any place, `_tar_header` and `_tar_walk` the members of a tar,
`_members` the file that a name means. `_docker_images` and `_oci_images` are the lists of images,
`reader` finds one, `source` and `oci_source` give its manifest and blobs.
"""
