"""Pages for people: what runs, the API's reference, what each problem means. They load nothing from elsewhere."""
