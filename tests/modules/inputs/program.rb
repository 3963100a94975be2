puts (1..20).reduce(:*), [3, 1, 2].sort.inspect, "abc".unpack("C*").inspect
puts 1.0 / 3, 2**100, "x-12 y-7".scan(/(\w)-(\d+)/).to_h.inspect
fib = Hash.new { |h, n| h[n] = n < 2 ? n : h[n - 1] + h[n - 2] }
puts fib[90]
