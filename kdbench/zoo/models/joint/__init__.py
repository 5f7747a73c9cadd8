"""Networks that are trained together: several heads, of which one is deployed, around other networks."""
