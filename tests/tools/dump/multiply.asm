function 1 "multiply": 6 bytes, frame 0
     0  mov eax, esi                                   @6
     2  imul eax, edx                                  @5
     5  ret                                            @6
