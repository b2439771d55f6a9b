"""What one core of this machine can do at most: multiply-adds from registers, and reads from L2."""

from common import header

if __name__ == "__main__":
    print(header())
