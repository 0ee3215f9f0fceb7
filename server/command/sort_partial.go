package command

// partialSort brings a[from] to a[to] of the order by cmp to their places, and leaves the rest in some order. Which of elements that are
// equal comes first depends on the algorithm, and clients see it. So it is, step by step, that of Redis: the quicksort of J. L. Bentley
// and M. D. McIlroy, "Engineering a Sort Function" (1993), which here does not look after parts that nobody asks for.
func partialSort[T any](a []T, from, to int, cmp func(x, y *T) int) {
	for len(a) >= insertionBelow {
		swapAt(a, 0, pivot(a, cmp))
		less, greater := partition(a, cmp)
		n := len(a)
		if less > 1 && from < less && to >= 0 {
			partialSort(a[:less], from, to, cmp)
		}
		if greater <= 1 || to < n-greater || from >= n {
			return
		}
		a, from, to = a[n-greater:], from-(n-greater), to-(n-greater)
	}
	for i := range a {
		for j := i; j > 0 && cmp(&a[j-1], &a[j]) > 0; j-- {
			swapAt(a, j-1, j)
		}
	}
}

// From these sizes on, the work of finding a better pivot pays.
const (
	insertionBelow = 7
	medianAbove    = 7
	ninesAbove     = 40
)

func swapAt[T any](a []T, i, j int) { a[i], a[j] = a[j], a[i] }

// pivot picks the middle element, a median of three, or one of nine.
func pivot[T any](a []T, cmp func(x, y *T) int) int {
	n := len(a)
	low, mid, high := 0, n/2, n-1
	if n <= medianAbove {
		return mid
	}
	if n > ninesAbove {
		d := n / 8
		low = median(a, low, low+d, low+2*d, cmp)
		mid = median(a, mid-d, mid, mid+d, cmp)
		high = median(a, high-2*d, high-d, high, cmp)
	}
	return median(a, low, mid, high, cmp)
}

func median[T any](a []T, i, j, k int, cmp func(x, y *T) int) int {
	if cmp(&a[i], &a[j]) < 0 {
		switch {
		case cmp(&a[j], &a[k]) < 0:
			return j
		case cmp(&a[i], &a[k]) < 0:
			return k
		}
		return i
	}
	switch {
	case cmp(&a[j], &a[k]) > 0:
		return j
	case cmp(&a[i], &a[k]) < 0:
		return i
	}
	return k
}

// partition parts a by its first element into those that are less, equal and greater, and answers how many are less and greater. What is
// equal gathers at both ends first, and is then swapped into the middle.
func partition[T any](a []T, cmp func(x, y *T) int) (less, greater int) {
	n := len(a)
	head, i := 1, 1     // a[:head] is equal, a[head:i] less
	tail, j := n-1, n-1 // a[j+1:tail+1] is greater, a[tail+1:] equal
	for {
		for ; i <= j; i++ {
			order := cmp(&a[i], &a[0])
			if order > 0 {
				break
			}
			if order == 0 {
				swapAt(a, head, i)
				head++
			}
		}
		for ; i <= j; j-- {
			order := cmp(&a[j], &a[0])
			if order < 0 {
				break
			}
			if order == 0 {
				swapAt(a, j, tail)
				tail--
			}
		}
		if i > j {
			break
		}
		swapAt(a, i, j)
		i++
		j--
	}
	less, greater = i-head, tail-j
	swapRun(a, 0, i, min(head, less))
	swapRun(a, i, n, min(greater, n-1-tail))
	return less, greater
}

// swapRun swaps the k elements from i on with the k before end.
func swapRun[T any](a []T, i, end, k int) {
	for d := range k {
		swapAt(a, i+d, end-k+d)
	}
}
