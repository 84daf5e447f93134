"""Reads what other programs recorded of an API's traffic: access logs, HAR, Postman collections."""
