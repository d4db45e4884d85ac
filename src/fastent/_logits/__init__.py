"""The logits engine: fused reductions of softmax(z), and maps of its entries."""
