package main
import ("fmt"; "os")
type  pair struct { a int
 longer string }
func main( ) {
x:=map[string]int{ "a":1, "bcd" : 2 }
 for k,v:=range x { fmt.Fprintln( os.Stdout,k ,v ) }
  }
