-- Run once, when the volume is empty. Prefect keeps to a database of its own: its tables come and go with its releases.
CREATE DATABASE prefect;
