"""The environment a policy is trained in: the SDK's physics in batches, with objectives, costs and chance."""
