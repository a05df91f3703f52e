;; The sieve of Eratosthenes in a vector.
(define (sieve limit)
  (let ((composite (make-vector (+ limit 1) #f)))
    (let loop ((n 2) (primes '()))
      (cond ((> n limit) (reverse primes))
            ((vector-ref composite n) (loop (+ n 1) primes))
            (else
             (do ((multiple (* n n) (+ multiple n)))
                 ((> multiple limit))
               (vector-set! composite multiple #t))
             (loop (+ n 1) (cons n primes)))))))

(define primes (sieve 20000))
(display (length primes)) (newline)
(display (list-tail primes (- (length primes) 5))) (newline)
(write (sieve 50)) (newline)
