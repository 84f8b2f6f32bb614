"""benchtui: benchmarks on EC2 instances that never outlive their purpose."""

__version__ = "0.1.0"
