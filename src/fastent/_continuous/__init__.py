"""The continuous engine: divergences of diagonal normals, and sums of logarithms over sorted samples."""
