// Lrun runs runbooks for Lync Server 2013 and Skype for Business pools: it checks them, rehearses them against a modelled
// pool, and carries them out.
//
// Each command has a file of its own; commands.go is the table that dispatch, help and completion are made of, main.go
// holds the exit codes, ui.go how lrun speaks, files.go how files are found and read. This is the only package that
// opens files of the user's naming, and it imports all others.
package main
