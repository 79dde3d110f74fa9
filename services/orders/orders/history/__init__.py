"""Orders that another system took: imported as they ended, for the figures and for whoever looks a buyer up."""
