"""Users: who can sign in, and what their role allows."""
