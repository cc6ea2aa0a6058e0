"""Training on the decoders of this package: LoRA and full fine-tuning on whole conversations."""
