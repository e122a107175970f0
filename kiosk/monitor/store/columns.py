"""What every table of the centre's database is made of."""

from sqlalchemy import BigInteger, Integer, MetaData, String

metadata = MetaData()
Id = String(64)
Number = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER counts by itself in SQLite
