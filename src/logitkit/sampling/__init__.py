"""From probabilities to decisions: filters on logits, and draws from what they leave."""
