"""What can go wrong with taxes."""

from common.problems import Conflict


class NoTaxRate(Conflict):
    """The shop has no tax rate for this destination and class, so it cannot sell there yet."""

    slug, title = "no-tax-rate", "No tax rate for this destination"

    def __init__(self, country: str, region: str | None, tax_class: str) -> None:
        place = f"{country}, {region}" if region else country
        super().__init__(
            f"There is no tax rate for goods of class {tax_class} sent to {place}; choose another destination.",
            country=country,
            region=region,
            tax_class=tax_class,
        )
