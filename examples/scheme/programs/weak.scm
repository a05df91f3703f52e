;; Weak pointers, and messages on the death of an object.
(define kept (list 'kept))
(define weak-kept (make-weak kept))
(write (weak-value weak-kept)) (newline)

(define lost (list 'lost))
(define weak-lost (make-weak lost))
(on-death lost "a list has died")
(write (eq? (weak-value weak-lost) lost)) (newline)
(set! lost #f)
(gc)
(write (weak-value weak-lost)) (newline)

;; A cycle dies only by a collection.
(define knot (list 1 2 3))
(define weak-knot (make-weak knot))
(on-death knot "a cycle has died")
(set-cdr! (cddr knot) knot)
(write (car (cdddr (weak-value weak-knot)))) (newline)
(set! knot #f)
(gc)
(write (weak-value weak-knot)) (newline)

;; So does a closure whose frame holds it.
(define (make-self-aware)
  (define (self) self)
  self)
(define closure (make-self-aware))
(on-death closure "a closure has died")
(write (eq? closure (closure))) (newline)
(set! closure #f)
(gc)

(set! kept #f)
(gc)
(write (weak-value weak-kept)) (newline)
(display "end") (newline)
