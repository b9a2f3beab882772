"""From where people's posts are to a corpus: exports, VK, folders of photos, other corpora."""
