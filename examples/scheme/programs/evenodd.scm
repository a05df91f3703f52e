;; Mutual recursion a million deep, in constant space: both calls are tail calls.
(define (my-even? n) (or (= n 0) (my-odd? (- n 1))))
(define (my-odd? n) (and (not (= n 0)) (my-even? (- n 1))))

(display (my-even? 1000000)) (newline)
(display (my-odd? 1000000)) (newline)

;; The same with procedures of a body, which refer to each other through their cells.
(define (parity n)
  (define (even n) (if (= n 0) 'even (odd (- n 1))))
  (define (odd n) (if (= n 0) 'odd (even (- n 1))))
  (even n))
(display (parity 300001)) (newline)

;; Not a tail call, but not too deep either.
(define (count n) (if (= n 0) 0 (+ 1 (count (- n 1)))))
(display (count 100000)) (newline)
