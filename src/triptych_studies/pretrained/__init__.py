"""Encoders that ship with triptych: trained without labels, measured on subjects never seen.

``python -m triptych_studies.pretrained imu-wrist`` trains one and writes its card. The weights that
ship saw every subject; twins, trained alike without a fold's subjects, give the figures.
"""
