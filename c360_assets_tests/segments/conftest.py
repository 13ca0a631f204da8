from c360_assets_tests.customer_360.conftest import session

__all__ = ["session"]
