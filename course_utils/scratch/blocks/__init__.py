"""What chapter 07c builds to look into blocks: pictures with a switch, and accounts in closed form."""
