"""The one parallel region, for extension modules."""

cdef int enter_region(int workers) noexcept
cdef void leave_region(int workers) noexcept
