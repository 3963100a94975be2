module counter(input clk, input rst, output reg [7:0] q, output tick);
	always @(posedge clk)
		if (rst) q <= 0;
		else q <= q + 8'd3;
	assign tick = (q == 8'hfe) ^ rst;
endmodule
