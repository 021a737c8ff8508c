// Package xmltree reads the envelopes of WS-Management into trees, for both of its ends.
//
// Nearly every envelope is plain: ASCII, without entities, comments and document types, its attributes one space apart.
// Such a one is read in a single pass over its bytes, and everything in the tree is a piece of it. Whatever is not plain
// is read by encoding/xml, which alone decides what is well formed: the quick way takes no envelope that encoding/xml
// would refuse, and reads none otherwise than it would. A fuzz target holds the two to that.
package xmltree
