;; Closures that refer to each other, by the million. Every turn makes two frames, two cells and two closures in one
;; cycle; only the collector can tell that it is garbage.
(define turns 100000)

(define (live) (cdr (assq 'live-objects (gc-stats))))

(define (make-pair-of-closures n)
  (define (ping k) (if (= k 0) n (pong (- k 1))))
  (define (pong k) (if (= k 0) (- n) (ping (- k 1))))
  ping)

(define (run)
  (let loop ((i 0) (sum 0) (most 0))
    (if (= i turns)
        (begin (display sum) (newline) most)
        (loop (+ i 1)
              (+ sum ((make-pair-of-closures i) 3))
              (if (= 0 (modulo i 1000)) (max most (live)) most)))))

(gc)
(define before (live))
(define most (run))
(gc)
(define after (live))

(display (if (< (- most before) 400000) "bounded" (list "too many live objects:" most before)))
(newline)
(display (if (< (- after before) 1000) "all collected" (list "left behind:" (- after before))))
(newline)
