"""Reading and writing of RSX 7.7.7 papers, JSON and XML (sps.md §4 to §11). Pure: bytes in, frozen models out."""
