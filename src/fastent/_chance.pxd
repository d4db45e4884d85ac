"""What the random tables of the counting engine take from here."""

cdef double surplus(double d, double m) noexcept nogil
