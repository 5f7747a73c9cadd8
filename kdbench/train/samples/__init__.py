"""Which samples a network sees in a step, and how: order, views, mixup, conditions."""
