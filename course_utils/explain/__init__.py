"""What a network sees: each module takes any ``nn.Module``, returns tensors, and leaves the model as it found it."""
