"""The tracker on W&B's own SDK: whatever server it speaks to. The SDK is imported when the first record needs it."""
