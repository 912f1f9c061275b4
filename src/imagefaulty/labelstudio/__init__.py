"""Label Studio: labelling configurations, task references and predictions, independent of any web framework."""
