"""Campaigns of abuse, one file for each family; `campaign.CLASSES` names them all."""
